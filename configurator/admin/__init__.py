"""Users and their roles, the company, failed jobs and mails."""
