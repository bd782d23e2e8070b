{{- /* Names, labels and the image, as several templates need them. */ -}}

{{- define "longship.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name where it says what it is, else the release's and the chart's. */ -}}
{{- define "longship.fullname" -}}
{{- $name := include "longship.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "longship.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "longship.selectorLabels" -}}
app.kubernetes.io/name: {{ include "longship.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "longship.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "longship.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "longship.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "longship.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "longship.configMapName" -}}
{{- default (include "longship.fullname" .) .Values.alloy.configMap.name -}}
{{- end -}}

{{- define "longship.configMapKey" -}}
{{- default "config.alloy" .Values.alloy.configMap.key -}}
{{- end -}}

{{- define "longship.configuration" -}}
{{- if .Values.alloy.configMap.content -}}
{{- tpl .Values.alloy.configMap.content . -}}
{{- else -}}
{{- .Files.Get "config.alloy" -}}
{{- end -}}
{{- end -}}

{{- define "longship.image" -}}
{{- $registry := default .Values.image.registry .Values.global.image.registry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest -}}
@{{ .Values.image.digest }}
{{- else -}}
:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}
