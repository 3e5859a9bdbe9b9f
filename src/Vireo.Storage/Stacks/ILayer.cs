using Vireo.Disks;

namespace Vireo.Storage.Stacks;

/// <summary>
/// A storage feature between a front end and an image. Every storage feature is a layer that is spliced into a <see cref="DiskStack"/>
/// and out again while requests are running.
/// </summary>
/// <remarks>
/// A layer sees only requests that passed the boundary above it (inside the disk, aligned, within the capabilities it announced) and
/// sends its own down through the boundary below it. It never disposes what is below.
/// </remarks>
public interface ILayer : IBlockDevice
{
    /// <summary>Unique in its stack, for example <c>meter</c>; named in messages when the layer breaks a rule.</summary>
    string Name { get; }

    /// <summary>
    /// Sets the device the layer stands on. Called only while no request is inside the layer: before it is spliced in, and again when a
    /// neighbour is. <see cref="IBlockDevice.Geometry"/> and <see cref="IBlockDevice.Capabilities"/> are read after it.
    /// </summary>
    void Attach(IBlockDevice below);

    /// <summary>
    /// The stack is about to be changed or closed and waits for what is on its way: the layer lets go what it holds back on purpose, sends no
    /// more requests of its own, and completes the call when none of those is on its way. This holds until <see cref="Attach"/>.
    /// </summary>
    ValueTask QuiesceAsync() => ValueTask.CompletedTask;
}
