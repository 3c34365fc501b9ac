package datafolder

import (
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// create makes the folder with its access list, so that there is no moment at which
// it is open.
func create(folder string) error {
	self, err := account()
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(closed("", Services(), self))
	if err != nil {
		return fmt.Errorf("make an access list: %w", err)
	}
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	if err := windows.CreateDirectory(path, &attributes); err != nil {
		return &os.PathError{Op: "mkdir", Path: folder, Err: err}
	}
	return nil
}

// account returns the SID of the account of this process.
func account() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("find the account of this process: %w", err)
	}
	return user.User.Sid.String(), nil
}

func accessList(folder string) (string, error) {
	sd, err := windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", &os.PathError{Op: "read the access list of", Path: folder, Err: err}
	}
	return sd.String(), nil
}

func openTo(folder string, _ fs.FileInfo) (string, error) {
	sddl, err := accessList(folder)
	if err != nil {
		return "", err
	}
	return lookInto(sddl), nil
}

func closeTo(folder string) error {
	self, err := account()
	if err != nil {
		return err
	}
	return set(folder, Services(), self)
}

// set replaces the access list. The system hands it on to what lies below.
func set(folder string, services []string, self string) error {
	before, err := accessList(folder)
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(closed(before, services, self))
	if err != nil {
		return fmt.Errorf("make an access list: %w", err)
	}
	list, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("make an access list: %w", err)
	}
	err = windows.SetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	if err != nil {
		return &os.PathError{Op: "set the access list of", Path: folder, Err: err}
	}
	return nil
}

// Grant makes the folder if it is not there and lets a service in, beside those of
// [Services]. It closes the folder as [Prepare] does, under the same condition. Of
// any other folder it only says when the service could not get in.
func Grant(folder, service string) error {
	if _, err := Prepare(folder); err != nil {
		return err
	}
	if isOurs(folder) {
		return set(folder, append(Services(), service), "")
	}
	sddl, err := accessList(folder)
	if err != nil {
		return err
	}
	if sid := ServiceSID(service); !names(sddl, sid) {
		return fmt.Errorf(`the service may not open the data folder %s; run: icacls "%s" /grant *%s:(OI)(CI)M`, folder, folder, sid)
	}
	return nil
}

func closing(folder string) string {
	return fmt.Sprintf(`take their rights away: icacls "%s" /inheritance:r /grant *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F *%s:(OI)(CI)M *%s:(OI)(CI)M`,
		folder, ServiceSID(Services()[0]), ServiceSID(Services()[1]))
}
