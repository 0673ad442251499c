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
	interval    = time.Second

	// Set by Kubernetes on a claim to say whose turn it is, and by a provisioner on its volumes.
	assigned = "volume.kubernetes.io/storage-provisioner"
	made     = "pv.kubernetes.io/provisioned-by"
)

func main() {
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	// A claim waits for a volume at human speed: looking once a second is enough, and has no
	// state that could be wrong.
	for ; ; time.Sleep(interval) {
		if err := reconcile(context.Background(), client); err != nil {
			log.Print(err)
		}
	}
}

// reconcile goes on to the next object when one fails: it comes back to it in a second anyway.
func reconcile(ctx context.Context, client kubernetes.Interface) error {
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	var failures []error
	known := map[string]bool{}
	for _, volume := range volumes.Items {
		known[volume.Name] = true
		if volume.Annotations[made] == provisioner && volume.Spec.HostPath != nil {
			failures = append(failures, keep(ctx, client, &volume))
		}
	}
	for _, claim := range claims.Items {
		name := "pvc-" + string(claim.UID)
		if claim.Annotations[assigned] == provisioner && claim.Spec.VolumeName == "" &&
			claim.DeletionTimestamp == nil && !known[name] {
			failures = append(failures, provide(ctx, client, name, &claim))
		}
	}
	return errors.Join(failures...)
}

// keep removes a volume whose claim is gone, data first, and makes sure of the directory of any
// other: a reboot may have emptied the folder of temporary files.
func keep(ctx context.Context, client kubernetes.Interface, volume *core.PersistentVolume) error {
	path := volume.Spec.HostPath.Path
	if volume.Status.Phase != core.VolumeReleased {
		return open(path)
	}
	log.Printf("removing %s and %s", volume.Name, path)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
}

// open makes sure of a directory that every user can write to, as the pods' users are not known.
func open(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return os.Chmod(path, 0o777)
}

// provide makes the volume that a claim waits for.
func provide(
	ctx context.Context, client kubernetes.Interface, name string,
	claim *core.PersistentVolumeClaim,
) error {
	// The claim's own identity is part of the path: one that is made again under the same name
	// must not find what its predecessor left.
	path := filepath.Join(folder, claim.Namespace, claim.Name+"-"+string(claim.UID))
	log.Printf("making %s at %s", name, path)
	if err := open(path); err != nil {
		return err
	}
	volume := core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{made: provisioner},
		},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			StorageClassName:              *claim.Spec.StorageClassName,
			AccessModes:                   claim.Spec.AccessModes,
			Capacity: core.ResourceList{
				core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage],
			},
			ClaimRef: &core.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				HostPath: &core.HostPathVolumeSource{Path: path},
			},
		},
	}
	_, err := client.CoreV1().PersistentVolumes().Create(ctx, &volume, meta.CreateOptions{})
	return err
}
