"""Speed beside what else there is; see docs/performance.md."""
