// Package deploy checks what server/deploy hands to other programs, in a module of its own: the types it needs are no
// part of the server.
package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// objects decodes the manifest as an API server does that takes no unknown and no repeated field.
func objects(t *testing.T) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	content, err := os.ReadFile("../../server/deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []runtime.Object
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		object, kind, err := strict.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		all = append(all, object)
	}
}

func TestTheManifestIsWhatKubernetesUnderstands(t *testing.T) {
	var set *appsv1.StatefulSet
	var service *corev1.Service
	var budget *policyv1.PodDisruptionBudget
	var settings *corev1.ConfigMap
	for _, object := range objects(t) {
		switch o := object.(type) {
		case *appsv1.StatefulSet:
			set = o
		case *corev1.Service:
			service = o
		case *policyv1.PodDisruptionBudget:
			budget = o
		case *corev1.ConfigMap:
			settings = o
		}
	}
	if set == nil || service == nil || budget == nil || settings == nil {
		t.Fatal("the manifest lacks a StatefulSet, a Service, a PodDisruptionBudget or a ConfigMap")
	}
	pod := set.Spec.Template
	if *set.Spec.Replicas != 1 || len(set.Spec.VolumeClaimTemplates) != 1 {
		t.Errorf("%d replicas with %d volumes: there is one writer, on a disk of its own", *set.Spec.Replicas,
			len(set.Spec.VolumeClaimTemplates))
	}
	for name, selector := range map[string]map[string]string{
		"the set": set.Spec.Selector.MatchLabels, "the service": service.Spec.Selector,
		"the budget": budget.Spec.Selector.MatchLabels,
	} {
		for key, value := range selector {
			if pod.Labels[key] != value {
				t.Errorf("%s selects %s=%s, and the pod has %v", name, key, value, pod.Labels)
			}
		}
	}
	volumes := map[string]bool{set.Spec.VolumeClaimTemplates[0].Name: true}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range pod.Spec.Containers {
		if c.StartupProbe == nil || c.LivenessProbe == nil || c.ReadinessProbe == nil {
			t.Errorf("container %s lacks a probe", c.Name)
		}
		if limits := c.Resources.Limits; limits.Memory().IsZero() || c.SecurityContext.ReadOnlyRootFilesystem == nil {
			t.Errorf("container %s has no limit of memory, or writes to its image", c.Name)
		}
		for _, mount := range c.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("container %s mounts %s, which there is not", c.Name, mount.Name)
			}
		}
	}
}

// TestTheManifestsSettingsAreTheServers leaves the settings where check.sh gives them to the server.
func TestTheManifestsSettingsAreTheServers(t *testing.T) {
	for _, object := range objects(t) {
		if settings, ok := object.(*corev1.ConfigMap); ok {
			if settings.Data["akin.toml"] == "" {
				t.Fatal("no akin.toml in the ConfigMap")
			}
			if name := os.Getenv("AKIN_MANIFEST_SETTINGS"); name != "" {
				if err := os.WriteFile(name, []byte(settings.Data["akin.toml"]), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
