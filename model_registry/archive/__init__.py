"""Model archives: found, fetched, unpacked, read and written."""
