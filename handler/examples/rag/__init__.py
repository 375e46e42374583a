"""Answers from documents: a workflow of a retriever and a language model."""
