"""Programs that load the server for minutes; short versions of them are in the test suite."""
