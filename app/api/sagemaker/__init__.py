"""The API that the platform SageMaker meets in a container of its endpoints."""
