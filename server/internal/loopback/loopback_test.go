package loopback

import (
	"net"
	"slices"
	"testing"
)

func TestAddressesAreOfThisProcessAlone(t *testing.T) {
	seen := map[string]int{}
	for _, pid := range []int{1, 2, 255, 256, 65_535, 65_536, 1 << 20, 1<<22 - 1} {
		addr := address(pid)
		if other, twice := seen[addr]; twice {
			t.Errorf("processes %d and %d both have %s", pid, other, addr)
		}
		seen[addr] = pid
		if ip := net.ParseIP(addr); !ip.IsLoopback() || ip.Equal(net.IPv4(127, 0, 0, 1)) {
			t.Errorf("process %d has %s", pid, addr)
		}
	}
}

func TestAddressesCanBeListenedOnAgainAndAgain(t *testing.T) {
	first, own, err := Addrs(3)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := Addrs(2)
	if err != nil {
		t.Fatal(err)
	}
	if !own {
		t.Skip("this machine has no loopback address for every process: ports are merely free")
	}
	all := slices.Concat(first, second)
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != 5 {
		t.Errorf("an address was given twice: %v", all)
	}
	for range 3 {
		for _, addr := range all {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			accepted.Close()
			l.Close()
		}
	}
}

func TestFreePortsDiffer(t *testing.T) {
	addrs, err := free(4)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(addrs)
	if len(addrs) != 4 || len(slices.Compact(addrs)) != 4 {
		t.Errorf("%v", addrs)
	}
}
