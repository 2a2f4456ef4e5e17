"""Reports as text: each module has one function from a report to JSON, JUnit, Markdown or HTML."""
