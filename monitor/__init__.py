"""The application: settings, jobs, schedule, command line and pages."""
