"""The parts of bench/space: watch (what is sampled beside a load), backlog and steady (what is
measured), figures (the rows of the table)."""
