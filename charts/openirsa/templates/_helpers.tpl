{{- define "openirsa.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "openirsa.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains (include "openirsa.name" .) .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "openirsa.name" .) | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "openirsa.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "openirsa.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "openirsa.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "openirsa.selectorLabels" -}}
app.kubernetes.io/name: {{ include "openirsa.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "openirsa.labels" -}}
{{ include "openirsa.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "openirsa.metadata" -}}
name: {{ include "openirsa.fullname" . }}
namespace: {{ include "openirsa.namespace" . }}
labels:
  {{- include "openirsa.labels" . | nindent 2 }}
{{- end }}

{{- define "openirsa.image" -}}
{{- with .Values.image }}
{{- if .registry }}{{ .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* Where the certificate comes from: cert-manager, files (a Secret that is there or given in the values), or the webhook itself. */ -}}
{{- define "openirsa.pki" -}}
{{- with .Values.pki }}
{{- if and .certManager.enabled (or .existingSecret .cert .key) }}
{{- fail "pki: certManager.enabled excludes existingSecret, cert and key: choose one source of the certificate" }}
{{- else if .certManager.enabled -}}
cert-manager
{{- else if .existingSecret }}
{{- if not (or .caBundle $.Values.mutatingWebhook.annotations) }}
{{- fail "pki.existingSecret needs pki.caBundle, the PEM of the authority that signed it: without it the API server trusts no answer of the webhook" }}
{{- end -}}
files
{{- else if or .cert .key }}
{{- if not (and .cert .key .caBundle) }}
{{- fail "pki.cert, pki.key and pki.caBundle belong together: set all three, or none for a certificate that the webhook makes" }}
{{- end -}}
files
{{- else if .caBundle }}
{{- fail "pki.caBundle alone does nothing: set pki.existingSecret, or pki.cert and pki.key, or none of them" }}
{{- else -}}
self
{{- end }}
{{- end }}
{{- end }}

{{- define "openirsa.secretName" -}}
{{- /* Two names, for the type of a Secret cannot change when its source does. */ -}}
{{- $suffix := eq (include "openirsa.pki" .) "self" | ternary "own-cert" "cert" }}
{{- .Values.pki.existingSecret | default (printf "%s-%s" (include "openirsa.fullname" .) $suffix) }}
{{- end }}

{{- /* Files that flags name. */ -}}
{{- define "openirsa.files" -}}
{{- with .Values.config.awsCaBundle }}
ca-bundle.pem: |
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.config.allowedRoles }}
allowed-roles.yaml: |
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.config.podIdentities }}
pod-identities.json: {{ dict "identities" . | toJson | quote }}
{{- end }}
{{- end }}

{{- /* A probe of a port that speaks TLS says so. */ -}}
{{- define "openirsa.probe" -}}
{{- $probe := deepCopy . }}
{{- if and (hasKey $probe "httpGet") (eq (toString $probe.httpGet.port) "https") (not $probe.httpGet.scheme) }}
{{- $_ := set $probe.httpGet "scheme" "HTTPS" }}
{{- end }}
{{- toYaml $probe }}
{{- end }}

{{- /* Namespaces that no webhook with failurePolicy Fail looks at. */ -}}
{{- define "openirsa.protectedNamespaces" -}}
{{- append .Values.mutatingWebhook.protectedNamespaces (include "openirsa.namespace" .) | uniq | sortAlpha | toJson }}
{{- end }}

{{- define "openirsa.certificateArgs" -}}
{{- if eq (include "openirsa.pki" .) "self" -}}
- --in-cluster=true
- --service-name={{ include "openirsa.fullname" . }}
- --tls-secret={{ include "openirsa.secretName" . }}
- --webhook-configuration={{ include "openirsa.fullname" . }}
{{- else -}}
- --in-cluster=false
- --tls-cert=/etc/webhook/certs/tls.crt
- --tls-key=/etc/webhook/certs/tls.key
{{- end }}
{{- end }}
