{{- if .Product}}
{{template "account" .}}
{{- else}}
:
{{- end}}
