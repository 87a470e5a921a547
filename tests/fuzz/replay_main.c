// Runs a fuzz target over the files named, or the files in the folders named: so that every build,
// with any compiler, replays what fuzzing has found.
//
//     build/debug/replay_request tests/fuzz/corpus/request [file or folder ...]
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/buf.h"
#include "tests/fuzz/target.h"

static bool replay_file(const char *path) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return false;
    }
    struct buf bytes = {0};
    size_t got;
    do {
        got = fread(buf_reserve(&bytes, 65536), 1, 65536, file);
        buf_commit(&bytes, got);
    } while (got > 0);
    fclose(file);
    printf("%s: %zu bytes\n", path, bytes.len);
    fflush(stdout); // or a crash would not tell its file
    LLVMFuzzerTestOneInput((const uint8_t *)bytes.data, bytes.len);
    buf_deinit(&bytes);
    return true;
}

// Returns the number of files replayed, -1 when one could not be read.
static int replay_folder(DIR *folder, const char *path) {
    int count = 0;
    for (;;) {
        const struct dirent *entry = readdir(folder); // NOLINT(concurrency-mt-unsafe): one thread
        if (entry == NULL) return count;
        if (entry->d_name[0] == '.') continue;
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (!replay_file(name)) return -1;
        count++;
    }
}

int main(int argc, char **argv) {
    int total = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        int count = 1;
        if (folder != NULL) {
            count = replay_folder(folder, argv[i]);
            closedir(folder);
        } else if (!replay_file(argv[i])) {
            count = -1;
        }
        if (count < 0) return 1;
        total += count;
    }
    printf("%d inputs replayed\n", total);
    if (total == 0) fprintf(stderr, "Name the files or folders to replay.\n");
    return total > 0 ? 0 : 1;
}
