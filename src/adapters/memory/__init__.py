"""Every port in memory: fakes that pass the same contract tests as the real adapters."""
