// Wires the layers: options, log file, disk, store, engine, server. Nothing else.
#include <stdbool.h>
#include <stdio.h>

#include "proto/base/clock.h"
#include "proto/base/rng.h"
#include "server/commands/table.h"
#include "server/engine/engine.h"
#include "server/net/exit_code.h"
#include "server/net/logfile.h"
#include "server/net/server.h"
#include "server/net/startup.h"
#include "server/options/options.h"
#include "storage/store.h"
#include "storage/vfs/vfs.h"

struct process {
    struct options options;
    struct logfile *logfile;
    struct vfs *vfs;
    struct store_options store_options;
    struct store *store;
    struct engine *engine;
    struct server *server;
    struct clock clock;
    enum exit_code code; // CLEAN: not settled yet
};

static enum err open_directory(struct process *process, struct fault *fault) {
    enum err err = vfs_posix_open(&process->vfs, process->options.dir, true, fault);
    if (err != ERR_NONE) {
        process->code = EXIT_CODE_CANNOT_CREATE;
        return err;
    }
    startup_settle_dir(&process->options);
    startup_say_version(logfile_trace(process->logfile), &process->options);
    process->store_options =
        startup_store_options(&process->options, logfile_trace(process->logfile));
    return ERR_NONE;
}

// On the loader's thread: it touches what nobody else does meanwhile.
static enum err open_store(void *context, struct progress *progress, struct fault *fault) {
    struct process *process = context;
    process->store_options.log.progress = progress;
    struct store_recovery recovery = {0};
    int64_t began_us = clock_monotonic_us(&process->clock);
    enum err err =
        store_open(&process->store, process->vfs, &process->store_options, &recovery, fault);
    if (err != ERR_NONE) return err;
    recovery.took_us = clock_monotonic_us(&process->clock) - began_us;
    startup_say_recovery(process->store_options.trace, &recovery);
    return ERR_NONE;
}

static struct store *store_of(void *context) {
    const struct process *process = context;
    return process->store;
}

static enum err open_server(struct process *process, struct fault *fault) {
    enum err err = server_open(&process->server, &process->options, process->logfile, fault);
    if (err != ERR_NONE) return err;
    struct engine_options options = {
        .options = &process->options,
        .commands = commands_table(),
        .host = server_host(process->server),
        .trace = logfile_trace(process->logfile),
        .seed = rng_system_seed(),
        .wall_us = clock_wall_us(&process->clock),
        .monotonic_us = clock_monotonic_us(&process->clock),
        .clock = &process->clock,
    };
    process->engine = engine_new(&options);
    const struct server_source source = {.context = process, .open = open_store, .store = store_of};
    return server_listen(process->server, process->engine, &source, fault);
}

static enum err open_all(struct process *process, int argc, char **argv, struct fault *fault) {
    enum err err = options_from_command_line(&process->options, argc, argv, fault);
    if (err != ERR_NONE) return ERR_INVALID; // whatever it is: the operator's to correct
    enum trace_level level = logfile_level(process->options.loglevel);
    err = logfile_open(&process->logfile, process->options.logfile, level, fault);
    if (err == ERR_NONE) err = open_directory(process, fault);
    if (err == ERR_NONE) err = open_server(process, fault);
    return err;
}

static void close_all(struct process *process) {
    server_close(process->server);
    if (process->engine != NULL) engine_free(process->engine);
    store_close(process->store);
    vfs_free(process->vfs);
    logfile_close(process->logfile);
    options_deinit(&process->options);
}

int main(int argc, char **argv) {
    if (startup_answered(argc, argv)) return EXIT_CODE_CLEAN;
    struct process process = {.clock = clock_system()};
    options_init(&process.options);
    struct fault fault = {0};
    enum err err = open_all(&process, argc, argv, &fault);
    if (err == ERR_NONE) process.code = server_run(process.server, &fault);
    if (fault.err != ERR_NONE) fprintf(stderr, "ackd: %s\n", fault.text);
    const bool has_file = process.logfile != NULL && process.options.logfile[0] != '\0';
    if (err != ERR_NONE) {
        if (has_file) {
            trace_event(logfile_trace(process.logfile), TRACE_WARNING, "main.refused", "%s",
                        fault.text);
        }
        if (process.code == EXIT_CODE_CLEAN) process.code = exit_code_of(err);
    }
    if (fault.err == ERR_CORRUPT)
        startup_say_salvage(has_file ? logfile_trace(process.logfile) : NULL, process.options.dir);
    close_all(&process);
    return (int)process.code;
}
