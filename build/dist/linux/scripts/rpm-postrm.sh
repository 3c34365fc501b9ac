# Data, keys and the account stay: they are worth more than the space.
{{- if .Product}}
if {{template "running" .}}; then
	systemctl daemon-reload || :
fi
{{- else}}
:
{{- end}}
