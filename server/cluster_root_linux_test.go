package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tests of nodes on devices and networks of their own, which take root.

// carriers are addresses for networks of tests: those that carriers share, which are rarely used on a machine.
const carriers = "100.64.0.0/10"

func init() { // before anything asks for a proxy, which is asked for once
	if err := os.Setenv("NO_PROXY", carriers+","+os.Getenv("NO_PROXY")); err != nil {
		panic(err)
	}
}

// asRoot runs a command, without which the test cannot be.
func asRoot(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v %s; run as root, where devices and networks may be made", line, err, out)
	}
}

// device is a file system of a node's own on a loop device.
type device struct{ image, folder string }

// newDevice makes a file system for a folder and mounts it until the test ends.
func newDevice(t *testing.T, folder string, bytes int64) *device {
	t.Helper()
	d := &device{image: folder + ".image", folder: folder}
	for _, err := range []error{
		os.MkdirAll(folder, 0o700), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, bytes),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	asRoot(t, "mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "+d.image)
	d.mount(t)
	t.Cleanup(func() {
		if err := syscall.Unmount(d.folder, 0); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: it is not mounted
			t.Error(err)
		}
	})
	return d
}

func (d *device) mount(t *testing.T) {
	t.Helper()
	asRoot(t, "mount -o loop "+d.image+" "+d.folder)
}

// losePower ends the file system as a loss of power does: what is not on the device by now never gets there, and every
// call fails from here on.
func (d *device) losePower(t *testing.T) {
	t.Helper()
	const shutdown, nothingFlushed = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	f, err := os.Open(d.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, nothingFlushed); err != nil {
		t.Skipf("this kernel cannot shut a file system down: %v", err)
	}
}

// comeBack mounts the file system anew, from its journal.
func (d *device) comeBack(t *testing.T) {
	t.Helper()
	if err := syscall.Unmount(d.folder, 0); err != nil {
		t.Fatal(err)
	}
	d.mount(t)
}

// TestAClusterLosesNothingWhenAllLosePower gives each node a device of its own and ends all of these while eight
// writers write: what was acknowledged is there afterwards, on every node.
func TestAClusterLosesNothingWhenAllLosePower(t *testing.T) {
	rounds := envCount(t, "AKIN_CLUSTER_POWER", 2)
	c := askedTrio(t)
	devices := map[string]*device{}
	for _, node := range trioNodes {
		devices[node] = newDevice(t, c.folder(node), 512<<20)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(rounds)*time.Minute)
	defer cancel()
	load := newClusterLoad(t, c)
	load.blind = true
	for round := range rounds {
		c.start(t, trioNodes...)
		work, stop := context.WithCancel(ctx)
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() { load.write(work, w) })
		}
		if !load.acks(ctx, 200) {
			t.Fatal("no writes are acknowledged")
		}
		for i := range trioNodes { // another one first each time
			devices[trioNodes[(i+round)%3]].losePower(t)
		}
		for _, node := range trioNodes {
			c.kill(node)
		}
		stop()
		writers.Wait()
		for _, node := range trioNodes {
			devices[node].comeBack(t)
		}
		c.start(t, trioNodes...)
		c.level(t, ctx, "")
		load.judge(t, c.alike(t))
	}
	t.Logf("%d losses of power on all nodes, %d writes acknowledged", rounds, load.acked.Load())
}

// TestAClusterGoesOnWhenADiskIsFull fills the disk of one node: the others take writes, it falls behind and says so,
// and when there is space again it comes to hold what they hold.
func TestAClusterGoesOnWhenADiskIsFull(t *testing.T) {
	for _, full := range []string{"the leader", "a follower"} {
		t.Run(full, func(t *testing.T) {
			c := askedTrio(t)
			for _, node := range trioNodes {
				if err := os.MkdirAll(c.folder(node), 0o700); err != nil {
					t.Fatal(err)
				}
				asRoot(t, "mount -t tmpfs -o size=64m tmpfs "+c.folder(node))
				t.Cleanup(func() {
					if err := syscall.Unmount(c.folder(node), 0); err != nil {
						t.Error(err)
					}
				})
			}
			w := c.watched(t)
			c.start(t, trioNodes...)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			soon(t, "a leader", func() bool { return w.leader() != "" })
			node := w.leader()
			if full == "a follower" {
				node = others(node)[0]
			}
			cl := c.dial(t, others(node)[0])
			write := func(i int) {
				t.Helper()
				patiently(t, ctx, func() error {
					_, err := cl.Upsert(ctx, crashPaper(fmt.Sprintf("p%d", i), strings.Repeat(fmt.Sprintf("word%d ", i), 500)))
					return err
				})
			}
			for i := range 20 {
				write(i)
			}
			ballast := filepath.Join(c.folder(node), "ballast")
			fill(t, ballast)
			for i := range 100 {
				write(20 + i)
			}
			c.lags(t, ctx, node, cl.Token())
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			c.level(t, ctx, cl.Token())
			if held := c.alike(t); len(held) != 120 {
				t.Errorf("%d papers", len(held))
			}
		})
	}
}

// fill writes a file until there is no space.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// trioOfNetworks is three nodes, each in a network of its own. They talk to one another over a bridge, from which each
// can be cut, and clients reach each over a link of its own.
type trioOfNetworks struct {
	*trio
	name string
}

var networks int // that were made; one goes only some time after it was removed

func newTrioOfNetworks(t *testing.T) *trioOfNetworks {
	t.Helper()
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers and their elections take a minute: AKIN_CLUSTER=1 runs them")
	}
	networks++
	pid := os.Getpid() + networks
	name := fmt.Sprintf("ak%x%c", os.Getpid(), 'a'+networks)
	net := fmt.Sprintf("100.%d.%d", 64+pid>>8&63, pid&255) // of carriers
	hub := name + "h"
	space := func(name string) {
		asRoot(t, "ip netns add "+name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() }) // with all links in it
		asRoot(t, "ip -n "+name+" link set lo up")
	}
	space(hub)
	asRoot(t, "ip -n "+hub+" link add name bridge type bridge")
	asRoot(t, "ip -n "+hub+" link set bridge up")
	addrs := make([]string, 2*len(trioNodes))
	for i, node := range trioNodes {
		own := name + node
		space(own)
		asRoot(t, "ip -n "+hub+" link add "+node+" type veth peer name log netns "+own)
		asRoot(t, "ip -n "+hub+" link set "+node+" master bridge up")
		asRoot(t, fmt.Sprintf("ip -n %s addr add %s.%d/25 dev log", own, net, 1+i))
		asRoot(t, "ip -n "+own+" link set log up")
		asRoot(t, "ip link add "+own+" type veth peer name calls netns "+own)
		asRoot(t, fmt.Sprintf("ip addr add %s.%d/30 dev %s", net, 129+4*i, own))
		asRoot(t, "ip link set "+own+" up")
		asRoot(t, fmt.Sprintf("ip -n %s addr add %s.%d/30 dev calls", own, net, 130+4*i))
		asRoot(t, "ip -n "+own+" link set calls up")
		addrs[i], addrs[len(trioNodes)+i] = fmt.Sprintf("%s.%d:7711", net, 1+i), fmt.Sprintf("%s.%d:7701", net, 130+4*i)
	}
	c := &trioOfNetworks{trioAt(t, addrs, "--insecure"), name}
	for _, node := range trioNodes {
		c.under[node] = []string{"ip", "netns", "exec", name + node}
	}
	return c
}

// link cuts a node from the others, or joins it to them again: up or down.
func (c *trioOfNetworks) link(t *testing.T, node, state string) {
	t.Helper()
	asRoot(t, "ip -n "+c.name+"h link set "+node+" "+state)
}

// TestANodeThatIsCutOffSaysSoAndCatchesUp cuts the node that leads, and one that follows, from the others: it takes no
// writes and says so, it answers from what it has but not where more is asked for, and when it is joined again it comes
// to hold what the others hold.
func TestANodeThatIsCutOffSaysSoAndCatchesUp(t *testing.T) {
	for _, cut := range []string{"the leader", "a follower"} {
		t.Run(cut, func(t *testing.T) {
			c := newTrioOfNetworks(t)
			addrs := map[string]string{}
			for node, addr := range c.addrs {
				addrs[node] = strings.TrimSuffix(addr, "7701") + "7721"
			}
			w := c.watchedAt(t, addrs)
			c.start(t, trioNodes...)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			soon(t, "a leader", func() bool { return w.leader() != "" })
			node := w.leader()
			if cut == "a follower" {
				node = others(node)[0]
			}
			cl, minority := c.dial(t, others(node)[0]), c.dial(t, node)
			write := func(from, to int) {
				t.Helper()
				for i := from; i < to; i++ {
					patiently(t, ctx, func() error {
						_, err := cl.Upsert(ctx, crashPaper(fmt.Sprintf("p%d", i), fmt.Sprintf("content%d", i)))
						return err
					})
				}
			}
			write(0, 20)
			c.level(t, ctx, cl.Token())
			c.link(t, node, "down")
			write(20, 40) // once the others have a leader
			c.refusesWrites(t, ctx, node)
			c.lags(t, ctx, node, cl.Token())
			if got, err := minority.Get(ctx, "p3"); err != nil || got.GetAbstract() != "It holds content3." {
				t.Errorf("what it has: %v %v", got, err)
			}
			c.link(t, node, "up")
			write(40, 60)
			patiently(t, ctx, func() error { _, err := minority.Upsert(ctx, crashPaper("back", "again")); return err })
			c.level(t, ctx, minority.Token())
			held := c.alike(t)
			for i := range 60 {
				if id := fmt.Sprintf("p%d", i); !strings.Contains(held[id], fmt.Sprintf("content%d.", i)) {
					t.Errorf("%s holds %q", id, held[id])
				}
			}
		})
	}
}
