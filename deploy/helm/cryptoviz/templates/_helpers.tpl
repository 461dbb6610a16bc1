{{/* Names are short: the release's name is the prefix of everything. */}}
{{- define "cryptoviz.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* (root, component) → labels that select its pods. */}}
{{- define "cryptoviz.selector" -}}
app.kubernetes.io/name: cryptoviz
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "cryptoviz.labels" -}}
{{ include "cryptoviz.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "cryptoviz.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "cryptoviz.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "cryptoviz.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "cryptoviz.exportsClaim" -}}
{{- .Values.exports.claim | default (printf "%s-exports" (include "cryptoviz.name" .)) -}}
{{- end -}}

{{/* Settings as a map of environment variables; all of them may be read by anybody. */}}
{{- define "cryptoviz.settings" -}}
CRYPTOVIZ_BUS: kafka
CRYPTOVIZ_KAFKA_BROKERS: {{ .Values.kafka.brokers | quote }}
CRYPTOVIZ_PARTITIONS: {{ .Values.kafka.partitions | quote }}
CRYPTOVIZ_LOG_FORMAT: json
CRYPTOVIZ_ALIVE: /tmp/alive
{{- range $name, $value := .Values.settings }}
CRYPTOVIZ_{{ upper $name }}: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- with .Values.cold.url }}
CRYPTOVIZ_COLD_URL: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "cryptoviz.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "cryptoviz.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The files of /run/secrets that a pod gets: (root, web). */}}
{{- define "cryptoviz.secretItems" -}}
- { key: {{ .root.Values.secret.databaseUrl }}, path: cryptoviz_database_url }
- { key: {{ .root.Values.secret.redisUrl }}, path: cryptoviz_redis_url }
{{- if .web }}
- { key: {{ .root.Values.secret.secretKey }}, path: cryptoviz_secret_key }
{{- end }}
{{- if or .web .root.Values.serviceMonitor.enabled }}
- { key: {{ .root.Values.secret.metricsToken }}, path: cryptoviz_metrics_token }
{{- end }}
{{- end -}}

{{/* Where every pod comes from: (root, component). */}}
{{- define "cryptoviz.podMetadata" -}}
metadata:
  labels:
    {{- include "cryptoviz.labels" . | nindent 4 }}
    {{- with .root.Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # Pods are made anew when a setting changes.
    checksum/settings: {{ include "cryptoviz.settings" .root | sha256sum }}
    {{- with .root.Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
{{- end -}}

{{- define "cryptoviz.podPlace" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Keys of the object store, where they are needed. */}}
{{- define "cryptoviz.coldKeys" -}}
{{- if .Values.cold.secret }}
- secretRef: { name: {{ .Values.cold.secret }} }
{{- end }}
{{- end -}}

{{/* The pod of a worker: (root, component, resources, stable). */}}
{{- define "cryptoviz.worker" -}}
{{ include "cryptoviz.podMetadata" . }}
spec:
  serviceAccountName: {{ include "cryptoviz.serviceAccount" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
  securityContext: {{- include "cryptoviz.podSecurity" .root | nindent 4 }}
  {{- include "cryptoviz.podPlace" .root | nindent 2 }}
  containers:
    - name: {{ .component }}
      image: {{ include "cryptoviz.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [{{ .component }}]
      envFrom:
        - configMapRef: { name: {{ include "cryptoviz.name" .root }}-settings }
        {{- if eq .component "keeper" }}{{ include "cryptoviz.coldKeys" .root | nindent 8 }}{{ end }}
      {{- if or .stable .root.Values.serviceMonitor.enabled }}
      env:
        {{- if .stable }}
        - name: CRYPTOVIZ_KAFKA_MEMBER
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        {{- end }}
        {{- if .root.Values.serviceMonitor.enabled }}
        - { name: CRYPTOVIZ_METRICS_HOST, value: 0.0.0.0 }
        - { name: CRYPTOVIZ_METRICS_PORT, value: "9100" }
        {{- end }}
      {{- end }}
      {{- if .root.Values.serviceMonitor.enabled }}
      ports: [{ name: metrics, containerPort: 9100 }]
      {{- end }}
      securityContext: {{- include "cryptoviz.containerSecurity" .root | nindent 8 }}
      # Touched while it makes progress, or waits for a server: those are not mended by a new pod.
      startupProbe:
        exec: { command: [sh, -c, "test -e /tmp/alive"] }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        exec: { command: [sh, -c, 'test -n "$(find /tmp/alive -mmin -2)"'] }
        periodSeconds: 30
        timeoutSeconds: 5
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        - { name: secrets, mountPath: /run/secrets, readOnly: true }
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    - name: secrets
      secret:
        secretName: {{ .root.Values.secret.name }}
        defaultMode: 0440
        items: {{- include "cryptoviz.secretItems" (dict "root" .root) | nindent 10 }}
{{- end -}}
