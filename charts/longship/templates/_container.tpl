{{- /* The container: its arguments, ports, probes and mounts. */ -}}

{{- define "longship.container" -}}
name: longship
image: {{ include "longship.image" . }}
imagePullPolicy: {{ default .Values.image.pullPolicy .Values.global.image.pullPolicy }}
{{- with .Values.alloy.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
args:
  - run
  - /etc/alloy/{{ include "longship.configMapKey" . }}
  - --storage.path={{ .Values.alloy.storagePath }}
  - --server.http.listen-addr={{ .Values.alloy.listenAddr }}:{{ .Values.alloy.listenPort }}
  - --server.http.ui-path-prefix={{ .Values.alloy.uiPathPrefix }}
  {{- if not .Values.alloy.enableReporting }}
  - --disable-reporting
  {{- end }}
  - --stability.level={{ .Values.alloy.stabilityLevel }}
  {{- range .Values.alloy.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: HOSTNAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  - name: K8S_NODE_NAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  {{- with .Values.alloy.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.alloy.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.alloy.enableHttpServerPort .Values.alloy.extraPorts }}
ports:
  {{- if .Values.alloy.enableHttpServerPort }}
  - name: http-metrics
    containerPort: {{ .Values.alloy.listenPort }}
  {{- end }}
  {{- range .Values.alloy.extraPorts }}
  - name: {{ .name }}
    containerPort: {{ .targetPort }}
    protocol: {{ default "TCP" .protocol }}
  {{- end }}
{{- end }}
readinessProbe:
  httpGet:
    path: /-/ready
    port: {{ .Values.alloy.listenPort }}
    scheme: {{ .Values.alloy.listenScheme }}
  initialDelaySeconds: {{ .Values.alloy.initialDelaySeconds }}
  timeoutSeconds: {{ .Values.alloy.timeoutSeconds }}
{{- with .Values.alloy.livenessProbe }}
livenessProbe:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.alloy.lifecycle }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.alloy.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.alloy.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/alloy
    readOnly: true
  - name: storage
    mountPath: {{ .Values.alloy.storagePath }}
  {{- if .Values.alloy.mounts.varlog }}
  - name: varlog
    mountPath: /var/log
    readOnly: true
  {{- end }}
  {{- if .Values.alloy.mounts.dockercontainers }}
  - name: dockercontainers
    mountPath: /var/lib/docker/containers
    readOnly: true
  {{- end }}
  {{- with .Values.alloy.mounts.extra }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
