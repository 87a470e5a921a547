// bench_load: puts a load on a server, measures what its clients feel, and checks what they got.

#include "bench/load/fail.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/run.h"
#include "bench/load/workload.h"

int main(int argc, char **argv) {
    struct options options = options_read(argc, argv);
    struct run run;
    run_open(&run, &options, workload_find(options.workload));
    run_loop(&run);
    run_verify(&run);
    report_print(&run);
    bool is_faulty = run_is_faulty(&run);
    run_close(&run);
    return is_faulty ? EXIT_CHECK : EXIT_GOOD;
}
