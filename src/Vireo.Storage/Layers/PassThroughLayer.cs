namespace Vireo.Storage.Layers;

/// <summary>Does nothing: what a layer costs by being there, and the reference in tests of other layers.</summary>
public sealed class PassThroughLayer(string name) : LayerBase(name);
