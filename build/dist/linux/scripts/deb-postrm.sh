#!/bin/sh
set -e
# Data, keys and the account stay, also when the package is purged: they are worth more than the space.
{{- if .Product}}
if {{template "running" .}}; then
	systemctl daemon-reload
fi
{{- end}}
