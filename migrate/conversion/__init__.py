"""One file in memory: what is to become of each rule, the attempts, and what is reported."""
