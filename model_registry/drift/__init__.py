"""Drift: live requests and answers of a model beside those that it was made for."""
