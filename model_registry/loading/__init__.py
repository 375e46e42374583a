"""From a registration to a version that serves: configured, isolated, with its workers started."""
