package bench

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/identitymesh/identitymesh/sdk/naming"
)

// bareVault is the variable that makes the bare server answer from a vault; its
// value is the vault's address.
const bareVault = "IDENTITYMESH_BENCH_BARE_VAULT"

// fromVault reads with the Azure SDK as its documentation has it, with its default
// options and its default chain of credentials.
func fromVault(url string) (func(context.Context, string) ([]byte, error), error) {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	client, err := azsecrets.NewClient(url, credential, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, ref string) ([]byte, error) {
		got, err := client.GetSecret(ctx, naming.Name(ref), "", nil)
		if err != nil {
			return nil, err
		}
		if got.Value == nil {
			return nil, errors.New("no value")
		}
		return base64.StdEncoding.DecodeString(*got.Value)
	}, nil
}
