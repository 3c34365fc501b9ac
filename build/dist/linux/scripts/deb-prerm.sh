#!/bin/sh
set -e
{{- if .Product}}
if [ "$1" = remove ] && {{template "running" .}}; then
	{{template "services" .}}
		systemctl disable --now "$unit" || true
	done
fi
{{- end}}
