namespace Vireo.Disks.Files;

/// <summary>A file that is being made: whole under its name, or not there at all.</summary>
public interface INewImageFile : IImageFile
{
    /// <summary>Gives the file its name, durably and never over a file that is there. Without it, disposal leaves nothing.</summary>
    /// <exception cref="ImageException">The name is taken, or the system refused.</exception>
    void Publish(string path);
}
