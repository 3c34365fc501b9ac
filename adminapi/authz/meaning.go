package authz

// RoleMeaning says in words what a role is for.
func RoleMeaning(r Role) string {
	return map[Role]string{
		Viewer:   "Sees everything that is no credential, and changes nothing.",
		Operator: "Does the everyday work: runs, schedules, rotation of secrets.",
		Admin:    "Does everything.",
	}[r]
}

// Meaning says in words what a permission allows.
func Meaning(p Permission) string {
	return map[Permission]string{
		ConnectorsRead:  "See connectors and their schedules.",
		ConnectorsWrite: "Create, change and delete connectors.",
		ConnectorsTest:  "Let an engine try a connector.",
		SchedulesWrite:  "Create, change and delete schedules.",
		RunsRead:        "See runs and their logs.",
		RunsStart:       "Start runs.",
		RunsCancel:      "Cancel runs.",
		ObjectsRead:     "See what was imported.",
		SecretsRead:     "See which secrets there are; never a value.",
		SecretsWrite:    "Set and rotate secrets.",
		SecretsDelete:   "Delete and recover secrets.",
		SecretsPurge:    "Remove deleted secrets for good.",
		StatusRead:      "See how the processes and the secret provider are.",
		ProviderReload:  "Reload the secret provider, and release one that is quarantined.",
		SettingsRead:    "See the settings in force, credentials masked.",
		SettingsWrite:   "Try configurations of secret providers, and forget processes that are gone.",
		AuditRead:       "Search, verify and export the audit log.",
		TokensRead:      "See which API tokens there are; never a token.",
		TokensWrite:     "Make API tokens that may do no more than oneself, and delete any.",
		SessionsWrite:   "See who is signed in and sign everybody out.",
		SignedIn:        "See who one is, and sign out; everybody has it who signed in.",
	}[p]
}
