"""What holds where the user says nothing; imports nothing, so that a run over plain files can know it too."""

#: The legacy languages that the converter reads.
DIALECTS = ("adjoint",)

#: Modules whose names are the legacy language, wherever they come from.
LEGACY_MODULES = ("zygote_rules", "zygote", "rules_runtime.legacy")

#: The name that converted files import the runtime by.
RUNTIME = "rules_runtime"
