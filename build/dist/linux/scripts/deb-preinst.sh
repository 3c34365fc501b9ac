#!/bin/sh
set -e
if [ "$1" = upgrade ] && dpkg --compare-versions "$2" gt '{{.Version}}'; then
	echo "{{.Name}}: version $2 is installed, which is newer than {{.Version}}. A downgrade is refused, because what" >&2
	echo "the newer version wrote may be unreadable to the older one. Nothing was changed. To go back all the same," >&2
	echo "remove the package first (configuration and data stay), restore a backup of that time, and install {{.Version}}." >&2
	exit 1
fi
{{- if .Product}}
{{template "account" .}}
{{- end}}
