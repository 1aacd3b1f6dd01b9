"""What must survive a crash: one SQLite file and the functions that read and write it."""
