// Package durable brings names of files to the disk.
package durable

import "os"

// SyncDir has what was made, renamed and removed in a directory survive a power
// cut: fsync(2) of the directory itself.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
