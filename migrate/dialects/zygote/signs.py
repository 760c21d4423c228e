"""What the scan looks for in files with Zygote's rules; imports nothing."""

words = (b"adjoint", b"nograd", b"literal_get", b"dropgrad", b"accum", b"ignore", b"hook")
modules = ("zygote_rules", "zygote", "rules_runtime.legacy")
handed_on = b"adjoint"
