using Xunit;

namespace Vireo.Testing;

/// <summary>A test that needs the data of others (<see cref="SharedData"/>); where the folder is absent the report says that it was skipped.</summary>
public sealed class SharedDataFactAttribute : FactAttribute
{
    /// <summary>Looks for the folder.</summary>
    public SharedDataFactAttribute()
    {
        if (SharedData.Folder is null)
        {
            // Allowed: the data are not part of the checkout, and a checkout without them is complete.
            Skip = "There is no folder with data of others: set VIREO_TEST_DATA, or put it at ../shared/data beside the checkout.";
        }
    }
}
