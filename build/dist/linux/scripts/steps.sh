{{define "account" -}}
# The account has to be there before files that belong to its group are unpacked.
systemd-sysusers --replace=/usr/lib/sysusers.d/identitymesh.conf - <<'END'
{{.Account}}
END
{{- end}}

{{define "services" -}}
for unit in identitymesh-engine.service identitymesh-adminapi.service; do
{{- end}}

{{define "running" -}}
[ -d /run/systemd/system ]
{{- end}}
