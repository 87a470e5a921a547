"""The parts of bench/compare: peers (servers), rows (what is measured), table (what is printed)."""
