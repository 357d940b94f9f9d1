package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// What the data folder of a node holds besides the papers.
const (
	logFolder  = "log"       // the files of the cluster's log
	nodeLock   = "node.lock" // held while the node is up: the log is written before the papers are opened
	resyncFile = "resync"    // the papers are to be taken from another node at the next start
)

// nodeFiles stay when the papers of another node replace those of a folder.
var nodeFiles = []string{logFolder, nodeLock, resyncFile, shardFile}

// takeFolder makes the data folder this node's while it is up, and refuses one that another process has, or that holds
// papers which are not a node's or not of its shard. Nothing in one that it refuses is changed but the locks.
func (n *node) takeFolder() error {
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		return err
	}
	lock, err := store.Hold(n.data, nodeLock)
	if err != nil {
		return err
	}
	n.lock = lock
	if err := claimFolder(n.data, n.cfg.Shard, n.cfg.Shards); err != nil {
		return err
	}
	if exists(filepath.Join(n.data, resyncFile)) {
		return nil // what is there is to be replaced, be it sound or not
	}
	alone, err := engine.StoodAlone(n.data, n.log)
	if err != nil {
		return err
	}
	if alone {
		return fmt.Errorf("%s holds papers of a server that stood alone: give the node an empty folder, and bring them in "+
			"by \"akin export\" and \"akin import\"", n.data)
	}
	return nil
}

// otherHistory names the remedy where a folder's papers are not the cluster's. The node does not replace them by
// itself: what was written outside of the cluster would be lost.
func (n *node) otherHistory(err error) error {
	if !errors.Is(err, store.ErrOtherHistory) {
		return err
	}
	return fmt.Errorf("%w: they are of another cluster than %s, or were written outside of it. Move %s away and start "+
		"with an empty folder: the node takes the cluster's papers. To bring in what the old one has, serve its papers.db "+
		"alone in a folder of its own, \"akin export\" there and \"akin import\" here", err, n.cfg.Cluster, n.data)
}

// standsAlone refuses the data folder of a node to a server without --cluster: it would serve a part of the papers, or
// write what the cluster never sees.
func standsAlone(dir string) error {
	shard, err := shardOf(dir)
	if err != nil {
		return err
	}
	flags := "--cluster, --node, --peers and --cluster-keys"
	switch {
	case shard != "":
		flags += ", and --shard " + shard
	case exists(filepath.Join(dir, nodeLock)), exists(filepath.Join(dir, resyncFile)),
		exists(filepath.Join(dir, logFolder, "jetstream")): // of a release that had no lock
	default:
		return nil
	}
	return fmt.Errorf("%s is the folder of a node of a cluster: start it with its %s, or name another folder with "+
		"--data. To serve its papers outside of the cluster, move its papers.db into an empty folder", dir, flags)
}
