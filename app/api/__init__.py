"""The APIs: functions that return values, and the routes that lead to them."""
