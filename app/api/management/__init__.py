"""The management API of models: functions over values, and the endpoints that lead to them."""
