using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Chains of differencing images in a folder: 0.vhdx is the oldest.</summary>
internal static class VhdxChain
{
    /// <summary>Opens the images <c>0.vhdx</c> to <c>last.vhdx</c>, each with the one before as its parent; only the last for writing.</summary>
    public static VhdxImage Open(TempFolder folder, int last, bool readOnly = false)
    {
        VhdxImage? image = null;
        for (var i = 0; i <= last; i++)
        {
            var next = VhdxImage.Open(Vireo.Disks.Files.SystemImageFile.Open(Name(folder, i), readOnly || i < last), Guid.NewGuid);
            if (image is not null)
            {
                next.Parent = image;
            }

            image = next;
        }

        return image!;
    }

    /// <summary>Makes <c>number.vhdx</c> on top of the image before it.</summary>
    public static async Task AddAsync(TempFolder folder, int number, int blockSizeBytes = 0)
    {
        await using var parent = Open(folder, number - 1, readOnly: true);
        ImageFile.Create(Name(folder, number), VhdxCreate.ForParent(parent, Name(folder, number), blockSizeBytes));
    }

    public static string Name(TempFolder folder, int number) => folder[$"{number}.vhdx"];
}
