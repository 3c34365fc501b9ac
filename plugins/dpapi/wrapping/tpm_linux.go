package wrapping

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// defaultDevice is the TPM behind the kernel's resource manager.
const defaultDevice = "/dev/tpmrm0"

// New seals a random key to the storage root key: only this TPM gives it out
// again, to whoever may use the device. No PCR takes part, because a key that an
// update of the firmware makes unreadable would be a lost one.
func (t tpm) New() (key, record []byte, err error) {
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, nil, err
	}
	record, err = t.use(tpm2.AESEncryption(128, tpm2.EncryptIn), func(device transport.TPM, root tpm2.AuthHandle, session tpm2.Session) ([]byte, error) {
		root.Auth = session
		sealed, err := tpm2.Create{
			ParentHandle: root,
			InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
				Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: key}),
			}},
			InPublic: tpm2.New2B(tpm2.TPMTPublic{
				Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
				ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, UserWithAuth: true, NoDA: true},
			}),
		}.Execute(device)
		if err != nil {
			return nil, fmt.Errorf("seal a key: %w", err)
		}
		return append(tpm2.Marshal(sealed.OutPublic), tpm2.Marshal(sealed.OutPrivate)...), nil
	})
	if err != nil {
		return nil, nil, err
	}
	return key, record, nil
}

// Recover lets the TPM unseal the key.
func (t tpm) Recover(record []byte) (key []byte, err error) {
	public, private, err := splitRecord(record)
	if err != nil {
		return nil, err
	}
	key, err = t.use(tpm2.AESEncryption(128, tpm2.EncryptOut), func(device transport.TPM, root tpm2.AuthHandle, session tpm2.Session) ([]byte, error) {
		root.Auth = tpm2.PasswordAuth(nil)
		loaded, err := tpm2.Load{ParentHandle: root, InPublic: public, InPrivate: private}.Execute(device)
		if err != nil {
			return nil, fmt.Errorf("load the sealed key, which another TPM made or which this one made before it was cleared: %w", err)
		}
		defer flush(device, loaded.ObjectHandle)
		unsealed, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: loaded.ObjectHandle, Name: loaded.Name, Auth: session}}.Execute(device)
		if err != nil {
			return nil, fmt.Errorf("unseal the key: %w", err)
		}
		return unsealed.OutData.Buffer, nil
	})
	if err == nil && len(key) != keySize {
		clear(key)
		err = fmt.Errorf("the TPM unsealed %d bytes, not a key", len(key))
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func splitRecord(record []byte) (public tpm2.TPM2BPublic, private tpm2.TPM2BPrivate, err error) {
	damaged := errors.New("the record of the key that the TPM sealed is damaged")
	// Each half begins with its length.
	if len(record) < 2 {
		return public, private, damaged
	}
	n := 2 + int(record[0])<<8 + int(record[1])
	if n > len(record) {
		return public, private, damaged
	}
	first, err1 := tpm2.Unmarshal[tpm2.TPM2BPublic](record[:n])
	second, err2 := tpm2.Unmarshal[tpm2.TPM2BPrivate](record[n:])
	if err1 != nil || err2 != nil {
		return public, private, damaged
	}
	return *first, *second, nil
}

// task works with the open device, its storage root key and a session.
type task func(device transport.TPM, root tpm2.AuthHandle, session tpm2.Session) ([]byte, error)

// use opens the device and does work with its storage root key, which is the same
// each time it is made, and with a session that encrypts the first parameter, the
// key, on the wires between the processor and the TPM.
func (t tpm) use(encryption tpm2.AuthOption, work task) ([]byte, error) {
	type answer struct {
		bytes []byte
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		out, err := t.useNow(encryption, work)
		done <- answer{out, err}
	}()
	var got answer
	select {
	case got = <-done:
	case <-time.After(t.limit):
		got.err = fmt.Errorf("it did not answer in %s", t.limit)
	}
	switch {
	case errors.Is(got.err, fs.ErrPermission):
		return nil, fmt.Errorf("TPM %s: %w; add this process's user to the group that owns the device, often tss", t.device, got.err)
	case got.err != nil:
		return nil, fmt.Errorf("TPM %s: %w", t.device, got.err)
	}
	return got.bytes, nil
}

func (t tpm) useNow(encryption tpm2.AuthOption, work task) ([]byte, error) {
	device, err := t.open()
	if err != nil {
		return nil, err
	}
	defer device.Close()
	root, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(device)
	if err != nil {
		return nil, fmt.Errorf("make the storage root key: %w", err)
	}
	defer flush(device, root.ObjectHandle)
	public, err := root.OutPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("read the storage root key: %w", err)
	}
	session := tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Salted(root.ObjectHandle, *public), encryption)
	return work(device, tpm2.AuthHandle{Handle: root.ObjectHandle, Name: root.Name}, session)
}

func (t tpm) open() (transport.TPMCloser, error) {
	info, err := os.Stat(t.device)
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() == fs.ModeSocket {
		return linuxudstpm.Open(t.device)
	}
	return linuxtpm.Open(t.device)
}

// flush frees a place in the TPM's memory. Without a resource manager there are
// three of them; with one, closing the device does it too.
func flush(device transport.TPM, handle tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(device)
}
