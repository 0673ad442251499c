// What Minikube's storage provisioner does, on today's client library, which the original does not
// build against: a directory for every claim of its class, gone when the claim is.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	provisioner = "k8s.io/minikube-hostpath"
	folder      = "/tmp/hostpath-provisioner"
	// Set by Kubernetes on a claim to say whose turn it is, and by a provisioner on its volumes.
	assigned = "volume.kubernetes.io/storage-provisioner"
	made     = "pv.kubernetes.io/provisioned-by"
)

func main() {
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config).CoreV1()
	// A claim waits for a volume at human speed: looking once a second is enough, and has no
	// state that could be wrong.
	for ctx := context.Background(); ; time.Sleep(time.Second) {
		volumes, err := client.PersistentVolumes().List(ctx, meta.ListOptions{})
		if err != nil {
			log.Print(err)
			continue
		}
		claims, err := client.PersistentVolumeClaims("").List(ctx, meta.ListOptions{})
		if err != nil {
			log.Print(err)
			continue
		}
		var failures []error
		known := map[string]bool{}
		for _, volume := range volumes.Items {
			known[volume.Name] = true
			if volume.Annotations[made] != provisioner {
				continue
			}
			path := volume.Spec.HostPath.Path
			if volume.Status.Phase == core.VolumeReleased { // Its claim is gone: data first.
				log.Printf("removing %s and %s", volume.Name, path)
				err = os.RemoveAll(path)
				if err == nil {
					err = client.PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
				}
				failures = append(failures, err)
			} else { // A reboot may have emptied the folder of temporary files.
				failures = append(failures, open(path))
			}
		}
		for _, claim := range claims.Items {
			volume := volumeFor(&claim)
			if claim.Annotations[assigned] == provisioner && claim.Spec.VolumeName == "" &&
				claim.DeletionTimestamp == nil && !known[volume.Name] {
				log.Printf("making %s at %s", volume.Name, volume.Spec.HostPath.Path)
				_, err = client.PersistentVolumes().Create(ctx, volume, meta.CreateOptions{})
				failures = append(failures, open(volume.Spec.HostPath.Path), err)
			}
		}
		if err := errors.Join(failures...); err != nil {
			log.Print(err)
		}
	}
}

// open makes sure of a directory that every user can write to, as the pods' users are not known.
func open(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return errors.Join(os.MkdirAll(path, 0o777), os.Chmod(path, 0o777))
}

func volumeFor(claim *core.PersistentVolumeClaim) *core.PersistentVolume {
	// The claim's own identity is part of the path: one that is made again under the same name
	// must not find what its predecessor left.
	path := filepath.Join(folder, claim.Namespace, claim.Name+"-"+string(claim.UID))
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{
			Name:        "pvc-" + string(claim.UID),
			Annotations: map[string]string{made: provisioner},
		},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			StorageClassName:              *claim.Spec.StorageClassName,
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      claim.Spec.Resources.Requests,
			ClaimRef: &core.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				HostPath: &core.HostPathVolumeSource{Path: path},
			},
		},
	}
}
