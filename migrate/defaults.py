"""What holds where the user says nothing;
imports nothing, so that a run over plain files can know it too."""

#: The name that converted files import the runtime by.
RUNTIME = "rules_runtime"
