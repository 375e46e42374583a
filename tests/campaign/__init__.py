"""A standing campaign against a whole server: fuzzing, failures, kills, full disks and jumping clocks beside a soak."""
