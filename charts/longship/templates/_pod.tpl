{{- /* The pod: what it may do, where it runs, what it mounts. */ -}}

{{- define "longship.pod" -}}
serviceAccountName: {{ include "longship.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
{{- with .Values.global.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat .Values.global.image.pullSecrets .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ .Values.controller.terminationGracePeriodSeconds }}
{{- if .Values.controller.hostNetwork }}
hostNetwork: true
{{- end }}
{{- if .Values.controller.hostPID }}
hostPID: true
{{- end }}
dnsPolicy: {{ .Values.controller.dnsPolicy }}
{{- with .Values.controller.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.alloy.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - {{ include "longship.container" . | nindent 4 | trim }}
  {{- with .Values.controller.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "longship.configMapName" . }}
  - name: storage
    hostPath:
      path: {{ .Values.alloy.storagePath }}
      type: DirectoryOrCreate
  {{- if .Values.alloy.mounts.varlog }}
  - name: varlog
    hostPath:
      path: /var/log
  {{- end }}
  {{- if .Values.alloy.mounts.dockercontainers }}
  - name: dockercontainers
    hostPath:
      path: /var/lib/docker/containers
  {{- end }}
  {{- with .Values.controller.volumes.extra }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
