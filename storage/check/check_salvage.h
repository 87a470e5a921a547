// `ackd-check --salvage NEW_DIR DIR`.
#ifndef ACKD_STORAGE_CHECK_CHECK_SALVAGE_H
#define ACKD_STORAGE_CHECK_CHECK_SALVAGE_H

// Returns the exit code: 0 all is saved, 1 something is lost and was listed, 2 the new directory
// could not be written, 3 the damaged one cannot be read, is in use, or the command line is wrong.
int check_salvage(const char *new_directory, const char *directory);

#endif
