#!/bin/sh
set -e
if [ "$1" = configure ] && {{template "running" .}}; then
{{- if .Product}}
	systemctl daemon-reload
{{- end}}
	{{template "services" .}}
		# Only what runs: whether a service runs at all is the administrator's decision.
{{- if .Product}}
		systemctl try-restart "$unit" || true
{{- else}}
		systemctl try-reload-or-restart "$unit" || true
{{- end}}
	done
fi
