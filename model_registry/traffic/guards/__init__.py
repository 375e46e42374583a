"""The guards of a rollout: sequential tests of the new version beside the old one."""
