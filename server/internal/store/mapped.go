package store

// DropMapped gives back the memory of the file's pages that reads have mapped, which a scan of all papers leaves
// behind and which counts as the process's own. The pages stay in the system's cache as long as it has room; what is
// read again costs a page fault, without the disk. Reads and writes may run beside it. On systems other than Linux it
// does nothing.
func (s *Store) DropMapped() {
	_ = s.read(func(v *snapshot) error { // a store that is closed has nothing mapped
		// The snapshot's transaction keeps the mapping where it is, and all of the file that it can see is mapped.
		dropMapped(v.tx.DB().Info().Data, uintptr(v.tx.Size()))
		return nil
	})
}
