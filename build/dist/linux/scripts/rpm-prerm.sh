{{- if .Product}}
# 0: none is left after this.
if [ "$1" = 0 ] && {{template "running" .}}; then
	{{template "services" .}}
		systemctl disable --now "$unit" || :
	done
fi
{{- else}}
:
{{- end}}
