package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cage is a control group that bounds the memory of the processes in it, of the first or the second version of the
// kernel's interface. Making one needs root.
type cage struct {
	folder  string
	unified bool
}

// newCage makes a control group of so many bytes, without swap.
func newCage(bytes int64) (*cage, error) {
	name := fmt.Sprintf("akin-cramped-%d", os.Getpid())
	c := &cage{folder: filepath.Join("/sys/fs/cgroup", name), unified: true}
	limit, swap := "memory.max", "memory.swap.max"
	if controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err != nil ||
		!strings.Contains(string(controllers), "memory") {
		c = &cage{folder: filepath.Join("/sys/fs/cgroup/memory", name)}
		limit, swap = "memory.limit_in_bytes", ""
	}
	if err := os.Mkdir(c.folder, 0o755); err != nil {
		return nil, fmt.Errorf("a control group of memory cannot be made here (are you root?): %w", err)
	}
	err := os.WriteFile(filepath.Join(c.folder, limit), []byte(strconv.FormatInt(bytes, 10)), 0o644)
	if err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if swap != "" { // which a kernel without swap does not have
		_ = os.WriteFile(filepath.Join(c.folder, swap), []byte("0"), 0o644)
	}
	return c, nil
}

// wrap writes a program that enters the group and becomes the binary.
func (c *cage) wrap(binary, folder string) (string, error) {
	path := filepath.Join(folder, "caged-server")
	script := fmt.Sprintf("#!/bin/sh\necho $$ > '%s/cgroup.procs' && exec '%s' \"$@\"\n", c.folder, binary)
	return path, os.WriteFile(path, []byte(script), 0o755)
}

// killed is how often the kernel has ended a process of the group for want of memory.
func (c *cage) killed() (int64, error) {
	name := "memory.oom_control"
	if c.unified {
		name = "memory.events"
	}
	content, err := os.ReadFile(filepath.Join(c.folder, name))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.ParseInt(strings.TrimSpace(count), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s/%s does not count kills", c.folder, name)
}

// remove takes the group away once its processes have ended, which the kernel notices a moment later.
func (c *cage) remove() (err error) {
	for range 50 {
		if err = os.Remove(c.folder); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
